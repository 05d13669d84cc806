;; Remembers a function in a global: a state that cannot be frozen.

(global $kept (mut funcref) (ref.null func))
(elem declare func $realloc)

(func (export "enlist:policy/settings@1.0.0#configure") (param i32 i32) (result i32)
  (global.set $kept (ref.func $realloc))
  (i32.const 16))
