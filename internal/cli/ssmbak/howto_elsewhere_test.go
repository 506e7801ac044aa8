package ssmbakcli_test

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
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
