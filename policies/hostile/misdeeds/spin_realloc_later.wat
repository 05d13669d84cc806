;; Takes its settings, and then never answers a request for memory: it is the host's copying of an applicant that does not end.

(global $configured (mut i32) (i32.const 0))

(func (export "enlist:policy/settings@1.0.0#configure") (param i32 i32) (result i32)
  (global.set $configured (i32.const 1))
  (i32.const 16))

(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (loop $again (br_if $again (global.get $configured)))
  (i32.const 4096))
