/**
 * What a shell has to run to complete our commands. Each script asks for every answer with `complete -- WORDS` (answer.ts).
 * No word that comes from a server, and none that is typed, is ever run or expanded by the shell. Called by
 * `matriarch completion`.
 */
export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

export function scriptFor(shell: Shell): string {
  return scripts[shell];
}

/** Bash 3.2 and later, with and without the package bash-completion. */
const bash = String.raw`# bash completion for matriarch

_matriarch() {
  local words=() word glue= i line ending=none cur="\${COMP_WORDS[COMP_CWORD]}"
  # Bash cuts words at "=" and ":" as well; here they belong to them.
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ -n $glue || $word == [=:]* ]] && ((\${#words[@]} > 0)); then
      words[\${#words[@]}-1]+=$word
    else
      words+=("$word")
    fi
    [[ $word == *[=:] ]] && glue=yes || glue=
  done
  [[ $cur == [=:] ]] && cur=
  # What is typed of the word before the part that bash completes.
  local whole= quote= before
  ((\${#words[@]} > 0)) && whole=\${words[\${#words[@]}-1]}
  before=\${whole%"$cur"}
  [[ $whole == --*=* ]] && before=\${before#--*=}
  [[ $cur == [\'\"]* ]] && quote=yes
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :* ]]; then
      ending=\${line#:}
      continue
    fi
    line=\${line%%$'\t'*}
    line=\${line#"$before"}
    [[ -n $quote ]] || printf -v line %q "$line"
    COMPREPLY+=("$line")
  done < <("\${COMP_WORDS[0]/#\~/$HOME}" complete --shell=bash -- "\${words[@]}" 2>/dev/null)
  case $ending in
    open) compopt -o nospace 2>/dev/null ;;
    files) compopt -o default 2>/dev/null ;;
    directories) compopt -o dirnames 2>/dev/null ;;
  esac
}

complete -F _matriarch matriarch`;

const zsh = String.raw`#compdef matriarch
# zsh completion for matriarch

_matriarch() {
  local line value ending=none
  local -a offers
  while IFS= read -r line; do
    if [[ $line == :* ]]; then
      ending=\${line#:}
      continue
    fi
    value=\${line%%$'\t'*}
    value=\${value//\\/\\\\}
    offers+=("\${value//:/\\:}:\${line#*$'\t'}")
  done < <("\${(Q)words[1]/#\~/$HOME}" complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)
  # Of --member=shop-1 the shell completes what follows the sign.
  [[ $words[CURRENT] == --*=* ]] && compset -P 1 '*='
  case $ending in
    open) _describe -V matriarch offers -S "" ;;
    files) _files ;;
    directories) _files -/ ;;
    *) _describe -V matriarch offers ;;
  esac
}

if [[ \${funcstack[1]} == _matriarch ]]; then
  _matriarch "$@"
else
  (( \${+functions[compdef]} )) || { autoload -Uz compinit && compinit }
  compdef _matriarch matriarch
fi`;

const fish = String.raw`# fish completion for matriarch

function __matriarch_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct | string unescape)
    set -l flag (string match -r -- '^--[^=]+=' "$current")
    set -l program $words[1]
    set -e words[1]
    for line in ($program complete -- $words "$current" 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path "$current"
            case ':directories'
                __fish_complete_directories "$current"
            case ':*'
            case '*'
                printf '%s%s\n' "$flag" $line
        end
    end
end

complete -c matriarch -f -k -a '(__matriarch_complete)'`;

const plain = (script: string): string => script.replaceAll("\\$", "$");

const scripts: Readonly<Record<Shell, string>> = { bash: plain(bash), zsh: plain(zsh), fish: plain(fish) };
