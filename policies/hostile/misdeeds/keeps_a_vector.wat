;; Has a global of 128 bits that changes: a state that cannot be frozen.

(global $kept (mut v128) (v128.const i64x2 0 0))
