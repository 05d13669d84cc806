;; Writes a megabyte with one instruction, over and over: a host that counts instructions must count the bytes too.

(memory (export "memory") 17)

(func (export "enlist:policy/admission@1.0.0#admit") (param i32) (result i32)
  (loop $again
    (memory.fill (i32.const 65536) (i32.const 7) (i32.const 1048576))
    (br $again))
  (unreachable))
