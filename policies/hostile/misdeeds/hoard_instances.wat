;; Honest in every answer, but the component holds many instances more, each with a memory of its own that nobody ever uses.
;;
;; instances: 64
