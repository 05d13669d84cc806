;; Leaves a mark where no policy writes: in the last page it starts with and in one it grows. Answers `first` where it finds
;; neither, `seen-before` where an instance before it has left one.

(memory (export "memory") 3)

(func (export "enlist:policy/username@1.0.0#derive") (param i32) (result i32)
  (local $grown i32)
  (local $found i32)
  (local.set $grown (i32.shl (memory.grow (i32.const 1)) (i32.const 16)))
  (if (i32.lt_s (local.get $grown) (i32.const 0)) (then (unreachable)))
  (local.set $found
    (i32.or (i32.load (i32.const 196000)) (i32.load offset=65000 (local.get $grown))))
  (i32.store (i32.const 196000) (i32.const 1))
  (i32.store offset=65000 (local.get $grown) (i32.const 1))
  (select (i32.const 256) (i32.const 128) (local.get $found)))
(data (i32.const 128) "\00\00\00\00" "\90\00\00\00" "\01\00\00\00")
(data (i32.const 144) "\a0\00\00\00" "\05\00\00\00")
(data (i32.const 160) "first")
(data (i32.const 256) "\00\00\00\00" "\10\01\00\00" "\01\00\00\00")
(data (i32.const 272) "\20\01\00\00" "\0b\00\00\00")
(data (i32.const 288) "seen-before")
