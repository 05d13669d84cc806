;; Answers a result that is neither ok nor an error.

(func (export "enlist:policy/admission@1.0.0#admit") (param i32) (result i32) (i32.const 256))
(data (i32.const 256) "\07\00\00\00")
