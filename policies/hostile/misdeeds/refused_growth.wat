;; Asks for more memory than it can ever have, again and again: a few instructions each time, and a call of the host's.

(func (export "enlist:policy/admission@1.0.0#admit") (param i32) (result i32)
  (loop $again
    (drop (memory.grow (i32.const 65535)))
    (br $again))
  (unreachable))
