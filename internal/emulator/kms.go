package emulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// kmsTarget is the prefix of the target header of KMS.
const kmsTarget = "TrentService."

// signingKeys are the asymmetric keys of the account, by ARN.
type signingKeys struct {
	mu   sync.Mutex
	keys map[string]*signingKey
}

type signingKey struct {
	private  *ecdsa.PrivateKey
	disabled bool
}

// CreateSigningKey creates a key like CreateKey with KeySpec ECC_NIST_P256 and KeyUsage
// SIGN_VERIFY, and returns its ARN.
func (a *AWS) CreateSigningKey() (arn string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // the curve is valid
	}
	a.signing.mu.Lock()
	defer a.signing.mu.Unlock()
	arn = fmt.Sprintf("arn:aws:kms:%s:%s:key/%08d-0000-4000-8000-000000000000", a.region, a.account, len(a.signing.keys)+1)
	if a.signing.keys == nil {
		a.signing.keys = make(map[string]*signingKey)
	}
	a.signing.keys[arn] = &signingKey{private: private}
	return arn
}

// DisableSigningKey disables a key, or with disabled false enables it again.
func (a *AWS) DisableSigningKey(arn string, disabled bool) {
	a.signing.mu.Lock()
	defer a.signing.mu.Unlock()
	a.signing.keys[arn].disabled = disabled
}

type kmsRequest struct {
	KeyId, MessageType, SigningAlgorithm string
	Message                              []byte
}

// serveKMS answers DescribeKey about the keys that Parameter Store uses, and GetPublicKey
// and Sign with those that sign.
func (a *AWS) serveKMS(w http.ResponseWriter, r *http.Request) {
	var in kmsRequest
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.KeyId == "" {
		ssmapi.WriteError(w, http.StatusBadRequest, "ValidationException", "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null")
		return
	}
	switch ssmapi.Operation(r) {
	case "DescribeKey":
		a.describeKey(w, in)
	case "GetPublicKey":
		a.getPublicKey(w, in)
	case "Sign":
		a.sign(w, in)
	default:
		ssmapi.WriteError(w, http.StatusBadRequest, "ValidationException", "only DescribeKey, GetPublicKey and Sign are known here")
	}
}

func writeKMS(w http.ResponseWriter, answer map[string]any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(answer) // the client is gone
}

// describeKey: https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html
func (a *AWS) describeKey(w http.ResponseWriter, in kmsRequest) {
	exists, enabled := a.SSM.KeyState(in.KeyId)
	if !exists {
		ssmapi.WriteError(w, http.StatusBadRequest, "NotFoundException", "Key '"+in.KeyId+"' does not exist")
		return
	}
	state := "Disabled"
	if enabled {
		state = "Enabled"
	}
	id := keyID(in.KeyId)
	writeKMS(w, map[string]any{"KeyMetadata": map[string]any{
		"AWSAccountId": a.account, "KeyId": id, "Arn": "arn:aws:kms:" + a.region + ":" + a.account + ":key/" + id,
		"Enabled": enabled, "KeyState": state, "KeyManager": "CUSTOMER", "KeyUsage": "ENCRYPT_DECRYPT",
	}})
}

// signingKey returns an enabled key, given by its ARN only, or writes an error. A disabled key
// refuses GetPublicKey, too.
// https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
func (a *AWS) signingKey(w http.ResponseWriter, in kmsRequest) *signingKey {
	a.signing.mu.Lock()
	defer a.signing.mu.Unlock()
	key := a.signing.keys[in.KeyId]
	switch {
	case key == nil:
		ssmapi.WriteError(w, http.StatusBadRequest, "NotFoundException", "Key '"+in.KeyId+"' does not exist")
		return nil
	case key.disabled:
		ssmapi.WriteError(w, http.StatusBadRequest, "DisabledException", in.KeyId+" is disabled.")
		return nil
	}
	return key
}

// getPublicKey: https://docs.aws.amazon.com/kms/latest/APIReference/API_GetPublicKey.html
func (a *AWS) getPublicKey(w http.ResponseWriter, in kmsRequest) {
	key := a.signingKey(w, in)
	if key == nil {
		return
	}
	der, err := x509.MarshalPKIXPublicKey(&key.private.PublicKey)
	if err != nil {
		panic(err) // the key is valid
	}
	writeKMS(w, map[string]any{
		"KeyId": in.KeyId, "PublicKey": der, "KeySpec": "ECC_NIST_P256", "CustomerMasterKeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY",
		"SigningAlgorithms": []string{"ECDSA_SHA_256"},
	})
}

// sign signs a digest. AWS also signs messages of up to 4,096 bytes (MessageType RAW).
// https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html
func (a *AWS) sign(w http.ResponseWriter, in kmsRequest) {
	switch {
	case in.MessageType != "DIGEST":
		ssmapi.WriteError(w, http.StatusBadRequest, "ValidationException", "only MessageType DIGEST is known here")
		return
	case in.SigningAlgorithm != "ECDSA_SHA_256":
		// API, SigningAlgorithm: "Choose an algorithm that is compatible with the type and size of the specified asymmetric KMS key."
		ssmapi.WriteError(w, http.StatusBadRequest, "InvalidKeyUsageException", "Algorithm "+in.SigningAlgorithm+" and key spec ECC_NIST_P256 are incompatible.")
		return
	case len(in.Message) != sha256.Size:
		// API, MessageType: "the length of the Message value must match the length of hashed messages for the specified signing algorithm"
		ssmapi.WriteError(w, http.StatusBadRequest, "ValidationException", "Digest is invalid length for algorithm ECDSA_SHA_256.")
		return
	}
	key := a.signingKey(w, in)
	if key == nil {
		return
	}
	signature, err := ecdsa.SignASN1(rand.Reader, key.private, in.Message)
	if err != nil {
		panic(err) // the key is valid
	}
	writeKMS(w, map[string]any{"KeyId": in.KeyId, "Signature": signature, "SigningAlgorithm": in.SigningAlgorithm})
}

// keyID returns the ID of a key that is given by an ID, an ARN or an alias. Which key an
// alias stands for is not known here, so each has a key of its own.
func keyID(given string) string {
	if _, id, ok := strings.Cut(given, ":key/"); ok {
		return id
	}
	if _, alias, ok := strings.Cut(given, "alias/"); ok {
		sum := sha256.Sum256([]byte(alias))
		return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	}
	return given
}
