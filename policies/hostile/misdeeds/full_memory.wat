;; Has a memory that is as large as it may ever be: no page is left to read its state in.

(memory (export "memory") 2 2)
