;; Calls itself without touching its memory: what runs out is the host's own stack.

(func $deeper (param $depth i32) (result i32)
  (i32.add (local.get $depth) (call $deeper (i32.add (local.get $depth) (i32.const 1)))))

(func (export "enlist:policy/admission@1.0.0#admit") (param i32) (result i32)
  (call $deeper (i32.const 0)))
