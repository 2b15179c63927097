package cli

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"

	"rondo.dev/rondo/internal/modelfile"
)

type versionCmd struct{}

func (c *versionCmd) Run(e *env) error {
	v := struct {
		Version string `json:"version"`
		Go      string `json:"go"`
		Commit  string `json:"commit,omitempty"`
	}{Version: Version, Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Commit = s.Value
			}
		}
	}
	return e.show(v, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "rondo %s (%s)\n", v.Version, v.Go)
		return err
	})
}

type schemaCmd struct{}

func (c *schemaCmd) Run(e *env) error {
	_, err := e.Out.Write(modelfile.Schema())
	return err
}

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints a script that completes commands and flags; it is generated from the commands themselves.
func (c *completionCmd) Run(e *env) error {
	var names []string
	flags := map[string][]string{}
	for _, n := range e.cli.Model.Children {
		if n.Type != kong.CommandNode || n.Hidden {
			continue
		}
		names = append(names, n.Name)
		for _, group := range n.AllFlags(true) {
			for _, f := range group {
				flags[n.Name] = append(flags[n.Name], "--"+f.Name)
			}
		}
		for _, sub := range n.Children {
			flags[n.Name] = append(flags[n.Name], sub.Name)
		}
	}
	switch c.Shell {
	case "fish":
		for _, n := range names {
			fmt.Fprintf(e.Out, "complete -c rondo -f -n __fish_use_subcommand -a %s\n", n)
			for _, f := range flags[n] {
				if long, ok := strings.CutPrefix(f, "--"); ok {
					fmt.Fprintf(e.Out, "complete -c rondo -n '__fish_seen_subcommand_from %s' -l %s\n", n, long)
				} else {
					fmt.Fprintf(e.Out, "complete -c rondo -n '__fish_seen_subcommand_from %s' -a %s\n", n, f)
				}
			}
		}
		return nil
	case "zsh":
		fmt.Fprintln(e.Out, "autoload -U +X bashcompinit && bashcompinit")
	}
	fmt.Fprintln(e.Out, "_rondo() {\n  local cur=${COMP_WORDS[COMP_CWORD]}\n  case ${COMP_WORDS[1]} in")
	for _, n := range names {
		fmt.Fprintf(e.Out, "    %s) COMPREPLY=($(compgen -f -W '%s' -- \"$cur\"));;\n", n, strings.Join(flags[n], " "))
	}
	fmt.Fprintf(e.Out, "    *) COMPREPLY=($(compgen -W '%s' -- \"$cur\"));;\n  esac\n}\ncomplete -F _rondo rondo\n", strings.Join(names, " "))
	return nil
}
