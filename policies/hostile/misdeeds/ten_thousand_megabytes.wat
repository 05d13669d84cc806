;; Answers 10,000 names that are all the same megabyte: ten gigabytes, if the host copies before it counts.

(memory (export "memory") 20)

(func (export "enlist:policy/username@1.0.0#derive") (param i32) (result i32)
  (local $place i32)
  (local.set $place (i32.const 1179648))
  (loop $again
    (i32.store (local.get $place) (i32.const 65536))
    (i32.store offset=4 (local.get $place) (i32.const 1048576))
    (local.set $place (i32.add (local.get $place) (i32.const 8)))
    (br_if $again (i32.lt_u (local.get $place) (i32.const 1259648))))
  (memory.fill (i32.const 65536) (i32.const 97) (i32.const 1048576))
  (i32.const 128))
(data (i32.const 128) "\00\00\00\00" "\00\00\12\00" "\10\27\00\00")
