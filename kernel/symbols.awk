# From `nm -nC` of the kernel's first link to the table of function names (kernel/symbols.h): by how far
# each is behind kernel_text_start, which is the first, wherever the loader puts the image.
# Names lose their parameters: what is wanted is a line one can read.
function value(hex,   i, n) {
  n = 0
  for (i = length(hex) - 7; i <= length(hex); ++i)
    n = 16 * n + index("0123456789abcdef", substr(hex, i, 1)) - 1
  return n
}
BEGIN { entries = 0 }
/ kernel_text_start$/ { start = value($1) }
$2 ~ /^[tTwW]$/ {
  address = $1
  name = $0
  sub(/^[0-9a-f]+ [tTwW] /, "", name)
  gsub(/\(anonymous namespace\)::/, "", name)
  gsub(/ \[clone [^]]*\]/, "", name)
  sub(/\(.*$/, "", name)
  gsub(/["\\]/, "", name)
  if (address == last || name == "" || name ~ /^kernel_text_/) next
  last = address
  addresses[entries] = value(address)
  names[entries] = name
  ++entries
}
END {
  print ".section .symbols.entries, \"a\", %progbits"
  print ".balign 8"
  for (i = 0; i < entries; ++i) printf ".long %d, .Lname%d - .Lnames\n", addresses[i] - start, i
  print ".section .symbols.names, \"a\", %progbits"
  print ".Lnames:"
  for (i = 0; i < entries; ++i) printf ".Lname%d: .asciz \"%s\"\n", i, names[i]
  print ".section .note.GNU-stack, \"\", %progbits"
}
