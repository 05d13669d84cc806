;; Grows its memory while it is configured until it is refused, as if settings needed gigabytes.

(func (export "enlist:policy/settings@1.0.0#configure") (param i32 i32) (result i32)
  (loop $again
    (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
  (i32.const 16))
