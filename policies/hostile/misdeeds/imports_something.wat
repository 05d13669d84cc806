;; Wants a clock: a component that imports a function, and is honest otherwise.
;;
;; world: enlist:hostile/with-a-clock

(import "$root" "clock" (func (result i64)))
