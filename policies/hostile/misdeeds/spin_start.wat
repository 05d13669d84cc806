;; Never comes out of its start function, so the first instance of it never stands.

(func $spin (loop $again (br $again)))
(start $spin)
