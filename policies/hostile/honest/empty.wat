;; The smallest honest policy: admits everybody, calls them `empty`, sets no limit. It is also what every misdeed written in this
;; form answers where it does not misbehave: a paragraph below is left out when the misdeed exports the same name itself.
;;
;; The canonical ABI, as far as these modules meet it:
;; - the function `admit` of `interface admission` is the export `enlist:policy/admission@1.0.0#admit`; what shall run once the
;;   host has read its answer is `cabi_post_` and the same name; strings and lists arrive in memory got from `cabi_realloc`;
;; - a request is more than sixteen flat values, so `admit`, `derive` and `allow` take one pointer to it (`allow` to all three of
;;   its parameters); `configure` takes the pointer and length of its string;
;; - an answer of more than one flat value is answered as a pointer to it, aligned to 4, for `allow` (64-bit numbers) to 8;
;; - result<list<string>, refusal>: byte 0 is 0 (ok) or 1 (error); ok: pointer and count at 4 and 8, each element pointer and length;
;;   error: code at 4 and 8, message at 12 and 16, detail 1 or 0 at 20, its pointer and length at 24 and 28;
;; - result<_, refusal> is the same with nothing for ok; result<allowance, refusal> begins at 8 instead of 4, and an allowance is
;;   four optional numbers of 16 bytes each (1 or 0, then the number at +8), then pointer and count of the labels.
;;
;; Memory: 16..96 is zero, which is the honest answer to all but `derive`: ok, none, no limit, an empty list. From 4096 on: what
;; the host asked `cabi_realloc` for; it is never freed.

(memory (export "memory") 1)

(global $next (mut i32) (i32.const 4096))
(func $realloc (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
  (local $start i32)
  (local $missing i32)
  (local.set $start
    (i32.and
      (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
  (global.set $next (i32.add (local.get $start) (local.get $size)))
  (local.set $missing (i32.sub (global.get $next) (i32.shl (memory.size) (i32.const 16))))
  (if (i32.gt_s (local.get $missing) (i32.const 0))
    (then
      (br_if 0
        (i32.ne
          (memory.grow (i32.add (i32.shr_u (local.get $missing) (i32.const 16)) (i32.const 1)))
          (i32.const -1)))
      (unreachable)))
  (memory.copy (local.get $start) (local.get $old) (local.get $old_size))
  (local.get $start))

(func (export "enlist:policy/settings@1.0.0#schema") (result i32) (i32.const 16))

(func (export "enlist:policy/settings@1.0.0#configure") (param i32 i32) (result i32) (i32.const 16))

(func (export "enlist:policy/admission@1.0.0#admit") (param i32) (result i32) (i32.const 16))

(func (export "enlist:policy/username@1.0.0#derive") (param i32) (result i32) (i32.const 128))
(data (i32.const 128) "\00\00\00\00" "\90\00\00\00" "\01\00\00\00")
(data (i32.const 144) "\a0\00\00\00" "\05\00\00\00")
(data (i32.const 160) "empty")

(func (export "enlist:policy/quota@1.0.0#allow") (param i32) (result i32) (i32.const 16))

(func (export "enlist:policy/notes@1.0.0#take") (result i32) (i32.const 16))
