;; Answers a list that begins at an odd address.

(func (export "enlist:policy/username@1.0.0#derive") (param i32) (result i32) (i32.const 128))
(data (i32.const 128) "\00\00\00\00" "\91\00\00\00" "\01\00\00\00")
(data (i32.const 145) "\a0\00\00\00" "\05\00\00\00")
(data (i32.const 160) "empty")
