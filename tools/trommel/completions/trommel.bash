# Completion of trommel for bash.
_trommel() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} options
  COMPREPLY=()
  if [ "$COMP_CWORD" = 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W 'scan check adapters bench top --help --version' -- "$word")
    return
  fi
  case $before in
    --drain)
      mapfile -t COMPREPLY < <(compgen -W 'auto cpu batch persistent' -- "$word")
      return
      ;;
    --threads | --arena | --adapter | --seconds | --interval | -n | -m | --max-matches) return ;;
    --count) [ "${COMP_WORDS[1]}" = top ] && return ;;
    --literals) [ "${COMP_WORDS[1]}" = bench ] && return ;;
  esac
  case ${COMP_WORDS[1]} in
    scan) options='--rules --literals --text --count --max-matches --json --drain --adapter --threads --arena --help --version' ;;
    check) options='--literals --json --tiers --help' ;;
    adapters) options='--json --help' ;;
    top) options='--interval --count --json --help' ;;
    bench) options='--rules --literals --drain --adapter --seconds --json --svg --help' ;;
  esac
  case $word in
    -*) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word") ;;
    *) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
  esac
}
complete -o filenames -F _trommel trommel
