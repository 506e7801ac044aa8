package ssmbakcli_test

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/internal/version"
)

// shop creates an account in a region at 20:00, whose parameters name both, and records them.
// At 20:10 one of them changes. It returns at 20:20.
func (i *transcript) shop(account, region string) *testworld.World {
	w := testworld.New(i.t, testworld.Options{Account: account, Region: region, Bucket: "shop", Emulator: emulator.Options{Seed: 1}})
	put := func(name, value string, kind types.ParameterType, key string) {
		putAs(w, "terraform", name, value, kind, key)
	}
	put("/shop/db/host", "db.example.com", types.ParameterTypeString, "")
	put("/shop/db/password", "hunter2", types.ParameterTypeSecureString, "alias/shop")
	put("/shop/jobs", "https://sqs."+region+".amazonaws.com/"+account+"/jobs", types.ParameterTypeString, "")
	put("/shop/limit", "100", types.ParameterTypeString, "")
	put("/shop/token", "arn:aws:secretsmanager:"+region+":"+account+":secret:token", types.ParameterTypeSecureString, "")
	w.Record()
	time.Sleep(time.Until(start.Add(10 * time.Minute)))
	putAs(w, "alice", "/shop/limit", "250", types.ParameterTypeString, "")
	time.Sleep(5 * time.Minute)
	w.Record()
	time.Sleep(time.Until(start.Add(20 * time.Minute)))
	return w
}

// loseRegion loses the region of the shop, whose archive was replicated to the person's region
// of the same account.
func (i *transcript) loseRegion() {
	old := i.shop(i.Account, "eu-west-1")
	i.AWS.S3.CreateBucket("shop-copy", true)
	i.cloud = emulator.NewCloud(i.AWS, old.AWS)
	i.Must(i.cloud.Replicate("shop", "shop-copy", nil))
	i.cloud.SwitchOff("eu-west-1")
	i.Record() // nothing
	time.Sleep(time.Until(start.Add(30 * time.Minute)))
}

// loseAccount loses the account of the shop, whose archive was replicated to another region of
// a third account.
func (i *transcript) loseAccount() {
	old := i.shop("444455556666", i.Region)
	vault := emulator.New(emulator.Options{Account: "111122223333", Region: "eu-central-1", Seed: 2})
	vault.S3.CreateBucket("shop-vault", true)
	i.Must(vault.S3.Configure("shop-vault", s3api.Settings{Readers: []string{i.Account}}))
	i.cloud = emulator.NewCloud(i.AWS, old.AWS, vault)
	i.Must(i.cloud.Replicate("shop", "shop-vault", nil))
	i.cloud.CloseAccount("444455556666")
	i.Record() // nothing
	time.Sleep(time.Until(start.Add(30 * time.Minute)))
}

// copyElsewhere is [transcript.fill] with a copy of the archive in another region of another
// account, to which S3 replicates it.
func (i *transcript) copyElsewhere() {
	vault := emulator.New(emulator.Options{Account: "210987654321", Region: "eu-central-1", Seed: 2})
	vault.S3.CreateBucket("backup-copy", true)
	i.Must(vault.S3.Configure("backup-copy", s3api.Settings{Readers: []string{i.Account}, LockMode: "COMPLIANCE", LockDays: 90}))
	i.cloud = emulator.NewCloud(i.AWS, vault)
	i.Must(i.AWS.S3.Configure(bucket, s3api.Settings{Replication: &s3api.Replication{Bucket: "backup-copy", Account: "210987654321", Markers: true}}))
	i.fill()
	i.Must(i.AWS.S3.ReplicateAgain(bucket)) // what is older than the rule
	code := strings.Repeat("5a", 32)
	i.AWS.Functions.Deploy("ssmbak-recorder", code)
	i.AWS.Functions.Deploy("ssmbak-reconciler", code)
	i.Must(i.Archive.KeepDeployment(i.Context(), archive.Deployment{
		Stack: "ssmbak", Version: version.String(), Recorder: "ssmbak-recorder", Reconciler: "ssmbak-reconciler", Code: code, MissedHours: 3,
		Queue: i.AWS.QueueURL(false), DeadLetters: i.AWS.QueueURL(true), Replica: "backup-copy",
	}))
	i.Must(i.cloud.Replicate(bucket, "backup-copy", nil))
}
