# Reads include/trommel.h and hands each thing that it declares, with its comment, to an emitter: man.awk or book.awk.
# The emitter has on_constant, on_type, on_struct, on_function and on_end. Any POSIX awk.

# The text of a comment without its stars.
function bare(line) {
  sub(/^ *\* ?/, "", line)
  return line
}

function first_word_before(text, mark,   parts, words, n) {
  split(text, parts, mark)
  n = split(parts[1], words, /[ *]+/)
  return words[n] != "" ? words[n] : words[n - 1]
}

# One declaration is complete.
function declared(text,   name) {
  if (text ~ /^typedef/) {
    name = first_word_before(text, ";")
    on_type(name, text, doc)
  } else {
    name = first_word_before(text, "(")
    sub(/^TRM_API[ \n]+/, "", text)
    # A Rust name that C does not need.
    sub(/out_,/, "out,", text)
    on_function(name, text, doc)
  }
  doc = ""
}

/^ *\/\*\*$/ { in_comment = 1; comment = ""; next }
in_comment && /\*\/$/ {
  in_comment = 0
  if (in_struct) field_doc = comment
  else doc = comment
  next
}
in_comment { comment = comment bare($0) "\n"; next }

/^#define TRM_[A-Z_]+ / && doc != "" {
  value = $0
  sub(/^#define [A-Z_0-9]+ /, "", value)
  on_constant($2, value, doc)
  doc = ""
  next
}

/^typedef struct [a-z_]+ \{$/ { in_struct = 1; struct_name = $3; fields = 0; next }
in_struct && /^\}/ {
  in_struct = 0
  on_struct(struct_name, doc, fields)
  doc = ""
  next
}
in_struct && NF {
  field = $0
  sub(/^ */, "", field)
  fields++
  field_decl[fields] = field
  field_text[fields] = field_doc
  name = field
  if (name ~ /\(\*/) { sub(/^.*\(\*/, "", name); sub(/\).*/, "", name) }
  else { sub(/(\[.*)?;$/, "", name); sub(/^.*[ *]/, "", name) }
  field_name[fields] = name
  field_doc = ""
  next
}

/^(TRM_API|typedef )/ { declaration = "" ; open = 1 }
open {
  # What continues a line was aligned with the call's name behind `TRM_API`.
  declaration = declaration (declaration == "" ? "" : "\n") $0
  if (/;$/) { open = 0; declared(declaration) }
}

END { on_end() }

# ---- for emitters ----

# Cuts a function's comment into about, parameters and what is returned; the rest is notes.
function cut(text,   lines, n, i, part, name) {
  about = notes = returns = ""
  params = 0
  part = "about"
  n = split(text, lines, "\n")
  for (i = 1; i <= n; i++) {
    line = lines[i]
    if (line ~ /^@param/) {
      part = "param"
      params++
      sub(/^@param +/, "", line)
      name = line
      sub(/ .*/, "", name)
      sub(/^[^ ]+ */, "", line)
      param_name[params] = name
      param_text[params] = line
    } else if (line ~ /^@return/) {
      part = "return"
      sub(/^@return +/, "", line)
      returns = line
    } else if (line == "" && (part == "param" || part == "return")) {
      part = "after"
    } else if (part == "param") {
      sub(/^ */, "", line)
      param_text[params] = param_text[params] " " line
    } else if (part == "return") {
      sub(/^ */, "", line)
      returns = returns " " line
    } else if (part == "about") {
      about = about line "\n"
    } else {
      notes = notes line "\n"
    }
  }
}

# The first sentence, on one line, without its full stop.
function brief(text,   at) {
  gsub(/\n/, " ", text)
  sub(/ +$/, "", text)
  at = match(text, /[.:;] /)
  if (at) text = substr(text, 1, at - 1)
  sub(/\.$/, "", text)
  return text
}
