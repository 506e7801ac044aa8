package stackcli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/stack"
	"github.com/ssmbak/ssmbak/internal/stack/code"
)

// readCode reads the file of --code before anything is asked or created. If create
// has no --architecture, it is the file's.
func (a *app) readCode(v stack.Values) error {
	if a.flags.code == "" {
		return nil
	}
	if published(v) {
		return shell.Usage("omit one of them", "--code and --code-bucket cannot be combined")
	}
	z, err := code.File(a.flags.code)
	if err != nil {
		return err
	}
	if err := a.checkDigest(a.flags.code, z); err != nil {
		return err
	}
	if named := v["architecture"]; named == nil && a.doing == "create" {
		v["architecture"] = []string{z.Architecture}
	} else if named != nil && named[0] != z.Architecture {
		return shell.Usage("omit --architecture, or use another zip", "%s is for %s, not for %s", a.flags.code, z.Architecture, named[0])
	}
	a.zips[z.Architecture] = z
	return nil
}

// published reports whether the functions' code is to be that of `ssmbak-stack publish`.
func published(v stack.Values) bool {
	return slices.ContainsFunc(slices.Concat(v["code-bucket"], v["code-bucket-prefix"]), func(name string) bool { return name != "" })
}

// checkDigest compares the digest of a zip with --code-sha256.
func (a *app) checkDigest(name string, z code.Zip) error {
	if want := *a.flags.texts["code-sha256"]; want != "" && !strings.EqualFold(want, z.SHA256) {
		return shell.Usage("nothing was changed", "%s has SHA-256 %s, not %s", name, z.SHA256, want)
	}
	return nil
}

// findCode finds the functions of a stack that has none yet, before anything is
// created: without them, the stack would remain incomplete.
func (a *app) findCode(ctx context.Context, s *stack.Stack, v stack.Values) error {
	if published(v) {
		return nil
	}
	outputs, err := s.Outputs(ctx)
	var missing *stack.NotFoundError
	if err != nil && !errors.As(err, &missing) {
		return err
	}
	if slices.ContainsFunc(outputs, func(o stack.Output) bool { return o.Key == stack.OutputLambdaName }) {
		return nil
	}
	architecture := a.cmd.Flags().Lookup("architecture").Value.String()
	if named := v["architecture"]; named != nil {
		architecture = named[0]
	}
	_, err = a.zip(ctx, architecture)
	return err
}

// zip returns the functions for an architecture.
func (a *app) zip(ctx context.Context, architecture string) (code.Zip, error) {
	if z, ok := a.zips[architecture]; ok {
		return z, nil
	}
	if a.flags.code != "" {
		for other := range a.zips {
			return code.Zip{}, shell.Usage("add --architecture "+other+", or use another zip", "%s is for %s, but the stack's functions are for %s", a.flags.code, other, architecture)
		}
	}
	z, err := a.env.FindCode(ctx, architecture, a.env.Version)
	if err != nil {
		return code.Zip{}, err
	}
	if err := a.checkDigest("the functions' zip", z); err != nil {
		return code.Zip{}, err
	}
	a.zips[architecture] = z
	return z, nil
}
