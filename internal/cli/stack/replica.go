package stackcli

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/stack"
)

// lockModes are the values of --copy-lock-mode.
var lockModes = []string{"governance", "compliance", "none"}

// replicaTemplate prints the template for the copy of the archive.
func (a *app) replicaTemplate(ctx context.Context) error {
	lock := stack.Lock{Mode: a.flags.lockMode, Days: a.flags.lockDays}
	switch {
	case !slices.Contains(lockModes, lock.Mode):
		return shell.Usage("use governance, compliance or none", "--copy-lock-mode %s: unknown mode", lock.Mode)
	case lock.Days < 1 || lock.Days > 36500:
		return shell.Usage("for example --copy-lock-days 30", "--copy-lock-days %d: must be an integer from 1 to 36500", lock.Days)
	}
	v, err := a.values()
	if err != nil {
		return err
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	r, err := s.Replica(ctx, v, lock)
	if err != nil {
		return err
	}
	if a.flags.out == "" {
		_, err := fmt.Fprint(a.Stdout, r)
		return err
	}
	if err := os.WriteFile(a.flags.out, []byte(r.String()), 0o600); err != nil {
		return fmt.Errorf("write the template: %w", err)
	}
	return a.Print("wrote %s; in the account and region of the copy, run `aws cloudformation deploy --template-file %s --stack-name %s-copy`, then the command in its output UpdateCommand",
		a.flags.out, shell.Quote(a.flags.out), a.name)
}
