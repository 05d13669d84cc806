;; Grows a table until it is refused, then admits as if nothing were.

(table $hoard 1 funcref)

(func (export "enlist:policy/admission@1.0.0#admit") (param i32) (result i32)
  (loop $again
    (br_if $again
      (i32.ne (table.grow $hoard (ref.null func) (i32.const 65536)) (i32.const -1))))
  (i32.const 16))
