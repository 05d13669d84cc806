;; Declares a first memory of one GiB. Nothing of it is ever touched.

(memory (export "memory") 16384)
