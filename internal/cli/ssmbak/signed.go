package ssmbakcli

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"os"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/signkey"
)

// publicKey returns the public key of --public-key or SSMBAK_PUBLIC_KEY, nil without either.
func (a *app) publicKey() (*ecdsa.PublicKey, error) {
	text, from := []byte(a.Getenv("SSMBAK_PUBLIC_KEY")), "SSMBAK_PUBLIC_KEY"
	if file := a.flags.publicKey; file != "" {
		var err error
		if text, err = os.ReadFile(file); err != nil {
			return nil, shell.Usage("give the file that `ssmbak-stack NAME public-key` was written to", "--public-key: %s", err)
		}
		from = "--public-key " + file
	}
	if len(text) == 0 {
		return nil, nil
	}
	key, err := signkey.Parse(text)
	if err != nil {
		return nil, shell.Usage("use the output of `ssmbak-stack NAME public-key`", "%s: %s", from, err)
	}
	return key, nil
}

// sign lets a command that writes to a signed archive sign. A command that must be able to
// write fails if the caller may not sign, before it writes anything.
func (a *app) sign(ctx context.Context, s *session, opened *archive.Archive, what access, public *ecdsa.PublicKey) error {
	id, _ := opened.Identity()
	if what != writing && what != planning {
		return nil
	}
	if id.Signing.Key == "" {
		if public != nil && what == writing {
			return shell.KindNotSigned.Fail("omit the public key if the archive is not signed; otherwise `ssmbak-stack NAME update` writes again how it is", "the archive in bucket %s does not say how it is signed", opened.Bucket())
		}
		return nil
	}
	key, err := signkey.Load(ctx, kms.NewFromConfig(s.conn.Config()), id.Signing.Key)
	if err == nil && public != nil && !key.Public().Equal(public) {
		return shell.KindWrongKey.Fail("", "bucket %s names key %s, which is not that of the given public key: another program may have replaced .ssmbak/archive", opened.Bucket(), id.Signing.Key)
	}
	if err == nil && what == writing {
		err = key.Check(ctx)
	}
	switch {
	case err == nil:
		opened.SignWith(key)
		return nil
	case what == planning && ctx.Err() == nil:
		a.Log.DebugContext(ctx, "cannot sign", "error", err.Error())
		opened.SignWith(nil)
		return nil
	}
	message, _, _ := shell.ExplainAWS(err)
	if message == "" {
		message = err.Error()
	}
	return shell.KindPermissionsMissing.Fail("allow kms:Sign and kms:GetPublicKey on that key, as the restorer policy of the stack does, and name the caller with `ssmbak-stack NAME update --restorer ARN`",
		"the archive is signed, and the caller cannot sign with %s: %s", id.Signing.Key, message)
}

// unsigned prints which objects are not signed, and returns the error, or nil if everything
// that was read is signed.
func (a *app) unsigned() error {
	if a.opened == nil {
		return nil
	}
	names, keys := map[bool][]ssmbak.Name{}, []string(nil)
	for _, u := range a.opened.Unsigned() {
		switch {
		case u.Name != "":
			names[u.Replaced] = append(names[u.Replaced], u.Name)
		case !u.Replaced:
			keys = append(keys, u.Key)
		}
	}
	if all := names[true]; len(all) > 0 {
		a.NoteFacts(shell.Facts{"Names": all}, "the indexes of %s were written by another program: their newest signed versions were used: %s", shell.Count(len(all), "parameter", "parameters"), archive.NameList(all))
	}
	if all := names[false]; len(all) > 0 {
		a.NoteFacts(shell.Facts{"Names": all}, "the indexes of %s have no valid signature, so nothing about them is proved: %s", shell.Count(len(all), "parameter", "parameters"), archive.NameList(all))
	}
	for _, key := range keys {
		a.NoteFacts(shell.Facts{"Key": key}, "%s has no valid signature: its newest signed version counts", key)
	}
	if len(names[false])+len(keys) == 0 {
		return nil
	}
	return shell.KindNotProved.Part("the stack's next reconcile replaces what another program wrote; `ssmbak verify` lists it", "%s not signed", shell.Count(len(names[false])+len(keys), "object is", "objects are"))
}

// concludeSigned returns the error of a command: if it has none, that of what is not signed.
func (a *app) concludeSigned(err error) error {
	unsigned := a.unsigned()
	if err == nil || unsigned != nil && errors.As(err, new(differences)) {
		return unsigned
	}
	return err
}
