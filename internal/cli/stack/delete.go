package stackcli

import (
	"context"
	"io"

	"github.com/ssmbak/ssmbak/internal/stack"
)

func (a *app) delete(ctx context.Context) error {
	s, err := a.openToWrite(ctx)
	if err != nil {
		return err
	}
	retains, err := s.Retains(ctx)
	if err != nil {
		return err
	}
	why := "this deletes the stack " + a.name + ", and changes are no longer recorded"
	switch {
	case retains.BucketName != "" && retains.KeyArn != "":
		why += "; bucket " + retains.BucketName + " and key " + retains.KeyArn + " are kept"
	case retains.BucketName != "":
		why += "; bucket " + retains.BucketName + " is kept"
	}
	if err := a.confirm(ctx, why, a.flags.yes, "--yes"); err != nil {
		return err
	}
	retained, err := s.Delete(ctx)
	if err != nil {
		return err
	}
	return a.Data(retained, func(io.Writer) error { return a.printDeleted(retained) })
}

// printDeleted prints what was retained, and how to use it.
func (a *app) printDeleted(retained stack.Retained) error {
	lines := []string{"", "The stack " + a.name + " was deleted."}
	if retained.BucketName != "" {
		lines = append(lines, "Kept, with all contents:", "Bucket: "+retained.BucketName)
		again := "create --bucket " + retained.BucketName
		if retained.KeyArn != "" {
			lines = append(lines, "Key: "+retained.KeyArn)
			again += " --key-arn " + retained.KeyArn
		}
		lines = append(lines, "To record into the bucket again: `"+a.command(again)+"`", "To read it: `ssmbak preview / TIME -R --bucket "+retained.BucketName+a.Where()+"`")
	}
	return a.Lines(lines...)
}
