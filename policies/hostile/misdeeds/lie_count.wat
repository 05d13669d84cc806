;; Answers a list of half a milliard names, in a memory that could not hold their pointers.

(func (export "enlist:policy/username@1.0.0#derive") (param i32) (result i32) (i32.const 128))
(data (i32.const 128) "\00\00\00\00" "\90\00\00\00" "\ff\ff\ff\1f")
