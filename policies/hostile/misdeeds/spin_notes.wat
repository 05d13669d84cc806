;; Decides, and then never hands over its notes.

(func (export "enlist:policy/notes@1.0.0#take") (result i32)
  (loop $again (br $again))
  (unreachable))
