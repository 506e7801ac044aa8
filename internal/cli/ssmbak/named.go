package ssmbakcli

import (
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// target parses a NAME|PATH argument, which may be an ARN.
func (a *app) target(text string, recursive bool) (ssmbak.Target, error) {
	text, err := a.named(text)
	if err != nil {
		return ssmbak.Target{}, err
	}
	t, err := ssmbak.ParseTarget(text, recursive)
	if name, possible := t.Name(); possible && !recursive {
		a.first = name
	}
	return t, err
}

// pathTarget returns the target of an optional PATH argument: all parameters below it, or
// all parameters without one.
func (a *app) pathTarget(args []string) (ssmbak.Target, error) {
	path := "/"
	if len(args) > 0 {
		path = args[0]
	}
	return a.target(path, true)
}

// name parses a NAME argument, which may be an ARN.
func (a *app) name(text string) (ssmbak.Name, error) {
	text, err := a.named(text)
	if err != nil {
		return "", err
	}
	return ssmbak.ParseName(text)
}

// named returns the name or path in an argument, which may be an ARN, without
// surrounding spaces. It keeps an ARN for [app.checkARN].
func (a *app) named(text string) (string, error) {
	given := text
	text = strings.TrimSpace(text)
	if err := rewritten(text); err != nil {
		return "", err
	}
	// Versions of Git Bash differ in whether they remove the first of two leading
	// slashes. Anywhere else two slashes are a mistake, such as an empty variable
	// between them.
	if a.Getenv("MSYSTEM") != "" && strings.HasPrefix(text, "//") {
		text = text[1:]
	}
	if !arn.IsARN(text) {
		return text, nil
	}
	const hint = "give an ARN such as arn:aws:ssm:us-east-1:123456789012:parameter/app/db"
	parsed, err := arn.Parse(text)
	if err != nil {
		return "", shell.Usage(hint, "%q is not an ARN", given)
	}
	name, ok := strings.CutPrefix(parsed.Resource, "parameter/")
	switch {
	case parsed.Service != "ssm" || !ok:
		return "", shell.Usage(hint, "%q is not the ARN of a parameter", given)
	case parsed.Region == "" || parsed.AccountID == "":
		return "", shell.Usage(hint, "%q has no region or no account", given)
	}
	a.arn = &parsed
	return "/" + name, nil
}

// checkARN returns an error if NAME or PATH was an ARN of another account or region.
func (a *app) checkARN(account, region string) error {
	if a.arn == nil || a.arn.AccountID == account && a.arn.Region == region {
		return nil
	}
	hint := "use a profile of that account (--profile)"
	if a.arn.AccountID == account {
		hint = "add --region " + a.arn.Region
	}
	return shell.Usage(hint, "%s is in account %s and region %s, not in account %s and region %s", a.arn, a.arn.AccountID, a.arn.Region, account, region)
}

var (
	drive = regexp.MustCompile(`^[A-Za-z]:[/\\]`)
	// bashRoot matches the usual root directories of Git Bash and MSYS2.
	bashRoot = regexp.MustCompile(`(?i)^[a-z]:[/\\](.*[/\\])?(git|msys64|msys32|msys2)[/\\]`)
)

// rewritten returns an error if Git Bash has converted a name to a Windows path, as it
// does with every argument that begins with a slash.
// https://github.com/git-for-windows/build-extra/blob/main/ReleaseNotes.md#known-issues
// https://www.msys2.org/docs/filesystem-paths/#process-arguments
func rewritten(text string) error {
	if !drive.MatchString(text) {
		return nil
	}
	name := "NAME"
	if root := bashRoot.FindString(text); root != "" {
		name = strings.ReplaceAll(text[len(root):], `\`, "/")
	}
	return shell.Usage("set MSYS_NO_PATHCONV=1, or write the first slash twice: //"+name,
		"%q is a Windows path: Git Bash converts /%s to it", text, name)
}
