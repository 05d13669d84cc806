;; Exports everything but the quota: a component of another world.
;;
;; world: enlist:hostile/without-quota
