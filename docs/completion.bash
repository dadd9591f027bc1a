# SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
# Completion for bash: . docs/completion.bash, or installed as share/bash-completion/completions/spoor.
# Commands and options come from --help, probes from `spoor find --complete`, which knows this kernel's functions,
# tracepoints, parameters and members: spoor probe 'p vfs_read file->f_<TAB>

_spoor_options() { # of a command
	"$1" "$2" --help 2>/dev/null | sed -nE 's/^ +(-., )?(--[a-z-]+).*/\2/p'
}

_spoor() {
	local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} line quote= text
	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$("$1" --help 2>/dev/null | sed -nE 's/^ +(spoor )?([a-z]+)  .*/\2/p')" -- "$word")
		return
	fi
	case $word in
	-*)
		mapfile -t COMPREPLY < <(compgen -W "$(_spoor_options "$1" "$command")" -- "$word")
		return ;;
	esac
	[ "$command" = probe ] || return
	# A probe that is begun in quotes is one word for the shell, but bash breaks it at spaces, colons and the like: all of the
	# line from the quote on. Only the part behind the last break is replaced.
	line=${COMP_LINE:0:COMP_POINT}
	case $line in
	*\'*) quote=\' ;;
	*\"*) quote=\" ;;
	*) return ;;
	esac
	text=${line##*"$quote"}
	# what bash takes for the word: behind the last of its breaks, as within quotes only the quote is one
	local strip=${text%"${word#[\'\"]}"} got g
	mapfile -t got < <("$1" find --complete "$text" 2>/dev/null)
	for g in "${got[@]}"; do
		COMPREPLY+=("${g#"$strip"}")
	done
	# Of one alone bash would close the quote, but more can follow.
	[ "${#COMPREPLY[@]}" != 1 ] || COMPREPLY+=("${COMPREPLY[0]} ")
	compopt -o nospace 2>/dev/null
}

complete -o default -F _spoor spoor
