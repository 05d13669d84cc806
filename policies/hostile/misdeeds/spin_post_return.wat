;; Admits, and spins when the host says that it has read the answer.

(func (export "enlist:policy/admission@1.0.0#admit") (param i32) (result i32) (i32.const 16))

(func (export "cabi_post_enlist:policy/admission@1.0.0#admit") (param i32)
  (loop $again (br $again)))
