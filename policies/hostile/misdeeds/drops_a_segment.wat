;; Drops a data segment when it is configured: a state that cannot be frozen.

(func (export "enlist:policy/settings@1.0.0#configure") (param i32 i32) (result i32)
  (memory.init $dropped (i32.const 2048) (i32.const 0) (i32.const 7))
  (data.drop $dropped)
  (i32.const 16))
(data $dropped "dropped")
