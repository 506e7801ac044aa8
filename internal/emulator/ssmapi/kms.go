package ssmapi

import (
	"slices"
	"strings"
)

type keyState int

const (
	keyDisabled keyState = iota + 1
	keyDeleted
)

// DisableKey makes KMS refuse to use a key, given as key id, alias or ARN, as
// when it is disabled or about to be deleted: decryption and encryption answer
// InvalidKeyId
// (https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html).
// Reads without decryption still succeed.
func (s *Store) DisableKey(keyID string) { s.setKey(keyID, keyDisabled) }

// DeleteKey makes KMS forget a key: encryption answers InvalidKeyId
// (https://github.com/telia-oss/terraform-aws-sonarqube/issues/4), decryption
// AccessDeniedException (https://github.com/tryolabs/aws-workshop/issues/6,
// https://github.com/Droplr/aws-env/issues/29), in words that do not tell it
// from a key that the caller may not use.
func (s *Store) DeleteKey(keyID string) { s.setKey(keyID, keyDeleted) }

// EnableKey takes [Store.DisableKey] and [Store.DeleteKey] back.
func (s *Store) EnableKey(keyID string) { s.setKey(keyID, 0) }

func (s *Store) setKey(keyID string, state keyState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[keyIdentity(keyID)] = state
}

// keyIdentity is the part of a KeyId that all its forms share: the key's id,
// or the alias. That an alias stands for a key is not known here.
func keyIdentity(keyID string) string {
	if !strings.HasPrefix(keyID, "arn:") {
		return keyID
	}
	if _, id, ok := strings.Cut(keyID, ":key/"); ok {
		return id
	}
	if _, alias, ok := strings.Cut(keyID, ":alias/"); ok {
		return "alias/" + alias
	}
	return keyID
}

// KeyState reports whether KMS has a key, given as key ID, alias or ARN, and whether it is
// enabled.
func (s *Store) KeyState(keyID string) (exists, enabled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	exists = s.keyExists(keyID)
	return exists, exists && s.keys[keyIdentity(keyID)] != keyDisabled
}

// keyExists reports whether a key is one of [Options.Keys]. The lock is held.
func (s *Store) keyExists(keyID string) bool {
	id := keyIdentity(keyID)
	return s.keys[id] != keyDeleted && (s.opt.Keys == nil || id == defaultKey || slices.ContainsFunc(s.opt.Keys, func(known string) bool { return keyIdentity(known) == id }))
}

// encrypt answers as Parameter Store does when a key cannot encrypt. The lock is
// held.
func (s *Store) encrypt(keyID string) error {
	switch {
	case !s.keyExists(keyID):
		return refuse("InvalidKeyId", "Key '%s' does not exist (Service: AWSKMS; Status Code: 400; Error Code: NotFoundException)", keyID)
	case s.keys[keyIdentity(keyID)] == keyDisabled:
		return refuse("InvalidKeyId", "The key %s is not enabled.", keyID)
	}
	return nil
}

// decrypt answers as Parameter Store does when a key cannot decrypt. The lock is
// held.
func (s *Store) decrypt(keyID string) error {
	if !s.keyExists(keyID) {
		return refuse("AccessDeniedException", "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.")
	}
	return s.encrypt(keyID)
}
