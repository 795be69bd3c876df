# Writes the reference chapter of the book: every call, struct, type and constant of the header.
# usage: awk -f header.awk -f book.awk include/trommel.h > docs/reference.md

function prose(text) {
  sub(/\n+$/, "", text)
  return text
}

function one_line(text) {
  gsub(/\n/, " ", text)
  sub(/ +$/, "", text)
  gsub(/\|/, "\\|", text)
  return text
}

function on_function(name, declaration, text,   i) {
  cut(text)
  calls = calls "### " name "\n\n```c\n" declaration "\n```\n\n" prose(about) "\n\n"
  for (i = 1; i <= params; i++) {
    if (i == 1) calls = calls "| parameter | |\n| --- | --- |\n"
    calls = calls "| `" param_name[i] "` | " one_line(param_text[i]) " |\n"
  }
  if (params) calls = calls "\n"
  if (returns != "") calls = calls "Returns " prose(returns) "\n\n"
  if (notes != "") calls = calls prose(notes) "\n\n"
}

function on_struct(name, text, count,   i) {
  structs = structs "### struct " name "\n\n" prose(text) "\n\n| field | |\n| --- | --- |\n"
  for (i = 1; i <= count; i++) structs = structs "| `" field_decl[i] "` | " one_line(field_text[i]) " |\n"
  structs = structs "\n"
}

function on_constant(name, value, text) {
  constants = constants "| `" name "` | " value " | " one_line(text) " |\n"
}

function on_type(name, declaration, text) {
  types = types "| `" declaration "` | " one_line(text) " |\n"
}

function on_end() {
  print "# Reference\n\nMade from `include/trommel.h`; the man pages are made from the same text.\n"
  print "## Calls\n\n" calls "## Structs\n\n" structs "## Types\n\n| type | |\n| --- | --- |\n" types
  print "## Constants\n\n| constant | value | |\n| --- | --- | --- |\n" constants
}
