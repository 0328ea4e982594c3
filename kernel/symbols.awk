# From `nm -nC` of the kernel's first link to the table of function names (kernel/symbols.h).
# Names lose their parameters: what is wanted is a line one can read.
BEGIN { entries = 0 }
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
  low = substr(address, length(address) - 7)
  addresses[entries] = low
  names[entries] = name
  ++entries
}
END {
  print ".section .symbols.entries, \"a\", %progbits"
  print ".balign 8"
  for (i = 0; i < entries; ++i) printf ".long 0x%s, .Lname%d - .Lnames\n", addresses[i], i
  print ".section .symbols.names, \"a\", %progbits"
  print ".Lnames:"
  for (i = 0; i < entries; ++i) printf ".Lname%d: .asciz \"%s\"\n", i, names[i]
  print ".section .note.GNU-stack, \"\", %progbits"
}
