package emulator

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// kmsTarget is the prefix of the target header of KMS.
const kmsTarget = "TrentService."

// serveKMS answers DescribeKey about the keys that Parameter Store uses.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html
func (a *AWS) serveKMS(w http.ResponseWriter, r *http.Request) {
	var in struct{ KeyId string }
	if ssmapi.Operation(r) != "DescribeKey" || json.NewDecoder(r.Body).Decode(&in) != nil || in.KeyId == "" {
		ssmapi.WriteError(w, http.StatusBadRequest, "ValidationException", "only DescribeKey is known here")
		return
	}
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
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(map[string]any{"KeyMetadata": map[string]any{ // the client is gone
		"AWSAccountId": a.account, "KeyId": id, "Arn": "arn:aws:kms:" + a.region + ":" + a.account + ":key/" + id,
		"Enabled": enabled, "KeyState": state, "KeyManager": "CUSTOMER", "KeyUsage": "ENCRYPT_DECRYPT",
	}})
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
