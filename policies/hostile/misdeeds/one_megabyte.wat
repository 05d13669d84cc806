;; Answers 32 names, as many as may be, that are all the same megabyte: a few hundred bytes of answer are 32 MiB to the host.

(memory (export "memory") 18)

(func (export "enlist:policy/username@1.0.0#derive") (param i32) (result i32)
  (local $place i32)
  (local.set $place (i32.const 256))
  (loop $again
    (i32.store (local.get $place) (i32.const 65536))
    (i32.store offset=4 (local.get $place) (i32.const 1048576))
    (local.set $place (i32.add (local.get $place) (i32.const 8)))
    (br_if $again (i32.lt_u (local.get $place) (i32.const 512))))
  (memory.fill (i32.const 65536) (i32.const 97) (i32.const 1048576))
  (i32.const 128))
(data (i32.const 128) "\00\00\00\00" "\00\01\00\00" "\20\00\00\00")
