# Writes man pages: one a call, one a struct, trommel_constants(3) and trommel_types(3).
# usage: awk -v out=FOLDER -v version=VERSION -f header.awk -f man.awk include/trommel.h

function roff(text) {
  gsub(/\\/, "\\e", text)
  gsub(/-/, "\\-", text)
  gsub(/"/, "\\(dq", text)
  while (match(text, /`[^`]*`/))
    text = substr(text, 1, RSTART - 1) "\\fB" substr(text, RSTART + 1, RLENGTH - 2) "\\fP" substr(text, RSTART + RLENGTH)
  return text
}

# A line that begins with a dot or a quote is a command to roff.
function shielded(text) {
  return text ~ /^[.']/ ? "\\&" text : text
}

function paragraphs(file, text,   lines, n, i) {
  n = split(text, lines, "\n")
  while (n > 0 && lines[n] == "") n--
  for (i = 1; i <= n; i++)
    print lines[i] == "" ? ".PP" : shielded(roff(lines[i])) > file
}

function begin(name, what,   file) {
  file = out "/" name ".3"
  printf ".\\\" Made from include/trommel.h\n.TH %s 3 \"\" \"libtrommel %s\" \"libtrommel\"\n", name, version > file
  printf ".SH NAME\n%s \\- %s\n", name, roff(what) > file
  return file
}

function synopsis(file, text,   lines, n, i) {
  print ".SH SYNOPSIS\n.nf\n.B #include <trommel.h>\n" > file
  n = split(text, lines, "\n")
  for (i = 1; i <= n; i++) print shielded(roff(lines[i])) > file
  print ".fi" > file
}

function finish(file) {
  print ".SH SEE ALSO\n.BR trommel (7)" > file
  close(file)
}

function on_function(name, declaration, text,   file, i) {
  cut(text)
  file = begin(name, brief(about))
  synopsis(file, declaration)
  print ".SH DESCRIPTION" > file
  paragraphs(file, about)
  if (notes != "") { print ".PP" > file; paragraphs(file, notes) }
  for (i = 1; i <= params; i++) {
    if (i == 1) print ".SH PARAMETERS" > file
    printf ".TP\n.I %s\n%s\n", param_name[i], shielded(roff(param_text[i])) > file
  }
  if (returns != "") printf ".SH RETURN VALUE\n%s\n", shielded(roff(returns)) > file
  finish(file)
  calls = calls sprintf(".TP\n.BR %s (3)\n%s\n", name, roff(brief(about)))
}

function on_struct(name, text, count,   file, i, declaration) {
  declaration = "typedef struct " name " {\n"
  for (i = 1; i <= count; i++) declaration = declaration "    " field_decl[i] "\n"
  file = begin(name, brief(text))
  synopsis(file, declaration "} " name ";")
  print ".SH DESCRIPTION" > file
  paragraphs(file, text)
  for (i = 1; i <= count; i++) {
    if (i == 1) print ".SH MEMBERS" > file
    printf ".TP\n.I %s\n", field_name[i] > file
    paragraphs(file, field_text[i])
  }
  finish(file)
  structs = structs sprintf(".TP\n.BR %s (3)\n%s\n", name, roff(brief(text)))
}

function on_constant(name, value, text) {
  gsub(/\n/, " ", text)
  sub(/ +$/, "", text)
  constants = constants sprintf(".TP\n.BR %s \" = %s\"\n%s\n", name, roff(value), shielded(roff(text)))
}

function on_type(name, declaration, text) {
  gsub(/\n/, " ", text)
  sub(/ +$/, "", text)
  types = types sprintf(".TP\n.B %s\n%s\n", roff(declaration), shielded(roff(text)))
}

function on_end(   file) {
  file = begin("trommel_constants", "statuses, flags and choices of libtrommel")
  printf ".SH DESCRIPTION\n%s", constants > file
  finish(file)
  file = begin("trommel_types", "handles and plain types of libtrommel")
  printf ".SH DESCRIPTION\n%s", types > file
  finish(file)
  # The lists that trommel(7) ends with.
  file = out "/lists"
  printf ".SH CALLS\n%s.SH STRUCTS\n%s", calls, structs > file
  close(file)
}
