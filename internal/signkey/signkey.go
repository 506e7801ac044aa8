// Package signkey signs with an asymmetric KMS key, and reads its public key.
package signkey

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// Client is the part of KMS that a key uses.
type Client interface {
	GetPublicKey(context.Context, *kms.GetPublicKeyInput, ...func(*kms.Options)) (*kms.GetPublicKeyOutput, error)
	Sign(context.Context, *kms.SignInput, ...func(*kms.Options)) (*kms.SignOutput, error)
}

// Key is an ECC_NIST_P256 key of KMS. It is safe for concurrent use.
type Key struct {
	client Client
	arn    string
	public *ecdsa.PublicKey
}

// Load reads the public key of a KMS key, with one request.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_GetPublicKey.html
func Load(ctx context.Context, client Client, arn string) (*Key, error) {
	out, err := client.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: &arn})
	if err != nil {
		return nil, fmt.Errorf("read the public key of %s: %w", arn, err)
	}
	public, err := parse(out.PublicKey)
	if err == nil && out.KeyUsage != types.KeyUsageTypeSignVerify {
		err = fmt.Errorf("its usage is %s", out.KeyUsage)
	}
	if err != nil {
		return nil, fmt.Errorf("key %s cannot sign an archive: %w", arn, err)
	}
	return &Key{client, arn, public}, nil
}

// Public returns the public key.
func (k *Key) Public() *ecdsa.PublicKey { return k.public }

// Sign returns the signature of a SHA-256 digest, in ASN.1, with one request.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html
func (k *Key) Sign(ctx context.Context, digest []byte) ([]byte, error) {
	out, err := k.client.Sign(ctx, &kms.SignInput{
		KeyId: &k.arn, Message: digest, MessageType: types.MessageTypeDigest, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256,
	})
	if err != nil {
		return nil, fmt.Errorf("with key %s: %w", k.arn, err)
	}
	return out.Signature, nil
}

// Check signs a text that no object of an archive has, to find out whether the caller may.
func (k *Key) Check(ctx context.Context) error {
	digest := sha256.Sum256([]byte("ssmbak check of a permission"))
	_, err := k.Sign(ctx, digest[:])
	return err
}

// PEM returns a public key as PEM.
func PEM(public *ecdsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	return string(pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der})), err
}

const pemType = "PUBLIC KEY"

// Parse parses a public key in PEM, as [PEM] returns it.
func Parse(text []byte) (*ecdsa.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != pemType {
		return nil, errors.New("it is not a public key in PEM (-----BEGIN PUBLIC KEY-----)")
	}
	return parse(block.Bytes)
}

func parse(der []byte) (*ecdsa.PublicKey, error) {
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, err
	}
	public, ok := key.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return nil, errors.New("it is not an ECDSA key on the curve P-256")
	}
	return public, nil
}
