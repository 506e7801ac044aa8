//go:build aws

package acceptance

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// keyring creates keys, and changes only those.
type keyring interface {
	create(ctx context.Context) (id string, err error)
	disable(ctx context.Context, id string) error
	scheduleDeletion(ctx context.Context, id string) error
}

// keyring returns that of the account. The error is an *unsettled if there is none.
func (s *scratch) keyring(context.Context) (keyring, error) {
	switch {
	case s.emulated != nil:
		return emulatedKeys{s.emulated}, nil
	case s.kind == onEmulator:
		return nil, notSettled("keys cannot be created at this endpoint")
	}
	return &kmsKeys{kms.NewFromConfig(s.plain.Config()), s.id}, nil
}

// emulatedKeys are keys of the emulator, for which every key exists.
type emulatedKeys struct{ *emulated }

func (emulatedKeys) create(context.Context) (string, error) {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	id := hex.EncodeToString(b[:])
	return id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:], nil
}

func (k emulatedKeys) disable(_ context.Context, id string) error {
	k.aws.SSM.DisableKey(id)
	return nil
}

func (k emulatedKeys) scheduleDeletion(ctx context.Context, id string) error {
	return k.disable(ctx, id)
}

// kmsKeys are keys of KMS, of which each is tagged.
type kmsKeys struct {
	client *kms.Client
	id     string
}

func (k *kmsKeys) create(ctx context.Context) (string, error) {
	out, err := k.client.CreateKey(ctx, &kms.CreateKeyInput{
		Description: aws.String("acceptance test of ssmbak: it may be deleted"), Tags: []kmstypes.Tag{{TagKey: aws.String(tag), TagValue: &k.id}},
	})
	if strings.HasPrefix(codeOf(err), "AccessDenied") {
		return "", notSettled("the credentials may not create a key: %v", err)
	}
	if err != nil {
		return "", err
	}
	return aws.ToString(out.KeyMetadata.KeyId), nil
}

func (k *kmsKeys) disable(ctx context.Context, id string) error {
	_, err := k.client.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &id})
	return err
}

func (k *kmsKeys) scheduleDeletion(ctx context.Context, id string) error {
	return scheduleDeletion(ctx, k.client, &id)
}

// encrypted creates a parameter with a new key, as soon as that can be used.
func (s *scratch) encrypted(ctx context.Context, name, key string) error {
	return s.eventually(ctx, late, func() (bool, error) {
		err := s.create(ctx, ssm.PutParameterInput{Name: &name, Type: types.ParameterTypeSecureString, KeyId: &key})
		return codeOf(err) != "InvalidKeyId", err
	})
}

const keyErrors = "https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html"

// keyFacts are about SecureStrings whose key cannot be used.
func keyFacts() (all []fact) {
	states := []struct {
		name   string
		change func(keyring) func(ctx context.Context, id string) error
	}{
		{"disabled key", func(k keyring) func(context.Context, string) error { return k.disable }},
		{"key pending deletion", func(k keyring) func(context.Context, string) error { return k.scheduleDeletion }},
	}
	for _, state := range states {
		for _, write := range []bool{false, true} {
			f := fact{
				name: state.name + ": read", assumed: "it is refused with InvalidKeyId", source: keyErrors, once: true,
				depends: "paramstore/errors.go: the recorder records such a version without its value, and never as a deletion",
				lacks:   map[string]string{onMoto: "moto ignores keys"},
			}
			if write {
				f.name, f.depends = state.name+": write", "restore/write.go explains InvalidKeyId"
			}
			f.settle = func(ctx context.Context, s *scratch) (string, error) {
				return "", s.unusableKey(ctx, state.change, write)
			}
			all = append(all, f)
		}
	}
	return append(all, fact{
		name: "unknown key: write", assumed: "it is refused with InvalidKeyId", once: true,
		source:  "https://github.com/hashicorp/terraform-provider-aws/issues/27352",
		depends: "restore/write.go explains InvalidKeyId",
		lacks:   map[string]string{onMoto: "moto ignores keys", onEmulator: "every key exists there; a recorded row of the table is about it"},
		settle: func(ctx context.Context, s *scratch) (string, error) {
			name := s.name("a")
			err := s.create(ctx, ssm.PutParameterInput{Name: &name, Type: types.ParameterTypeSecureString, KeyId: aws.String("00000000-0000-4000-8000-000000000000")})
			return "", refusal(err, "it", "InvalidKeyId")
		},
	})
}

// unusableKey makes a key unusable, and reads or writes a parameter that it encrypts until
// that is refused: KMS's changes take up to five minutes.
// https://docs.aws.amazon.com/kms/latest/developerguide/programming-eventual-consistency.html
func (s *scratch) unusableKey(ctx context.Context, change func(keyring) func(context.Context, string) error, write bool) error {
	keys, err := s.keyring(ctx)
	if err != nil {
		return err
	}
	key, err := keys.create(ctx)
	if err != nil {
		return err
	}
	s.rows.replace(key, "key")
	name := s.name("a")
	if err := s.encrypted(ctx, name, key); err != nil {
		return err
	}
	if _, err := s.version(ctx, name, 1); err != nil {
		return err
	}
	if err := change(keys)(ctx, key); err != nil {
		return fmt.Errorf("make the key unusable: %w", err)
	}
	return s.eventually(ctx, 5*late, func() (bool, error) {
		if write {
			err = s.overwrite(ctx, ssm.PutParameterInput{Name: &name, Type: types.ParameterTypeSecureString, KeyId: &key})
		} else {
			_, err = s.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
		}
		return err != nil, refusal(err, "it", "InvalidKeyId")
	})
}
