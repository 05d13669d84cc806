;; Declares a table of ten million functions, which a host may have to set aside for every instance.

(table 10000000 funcref)
