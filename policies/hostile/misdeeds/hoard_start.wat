;; Grows its memory in the start function until it is refused, and fills what it got.

(memory (export "memory") 1)

(func $hoard
  (loop $again
    (if (i32.ne (memory.grow (i32.const 16)) (i32.const -1))
      (then
        (memory.fill
          (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 1048576))
          (i32.const 7)
          (i32.const 1048576))
        (br $again)))))
(start $hoard)
