package dynamo

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/trailverdict/trailverdict/internal/aws/ddb"
	"github.com/trailverdict/trailverdict/internal/config"
)

// Create creates the table in the shape that package config gives it, for tests:
// in an account infra creates it. It has no stream, since DynamoDB Local slows down
// with each one that it ever had.
func Create(ctx context.Context, c *ddb.Client, name string) error {
	in := ddb.CreateInput{
		TableName: name, BillingMode: "PAY_PER_REQUEST",
		KeySchema: keySchema(config.TablePartition, config.TableSort),
	}
	attrs := map[string]bool{config.TablePartition: true, config.TableSort: true}
	for _, index := range config.TableIndexes() {
		attrs[index.Partition], attrs[index.Sort] = true, true
		kind := "ALL"
		if index.KeysOnly {
			kind = "KEYS_ONLY"
		}
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, ddb.GlobalIndex{
			IndexName: index.Name, KeySchema: keySchema(index.Partition, index.Sort), Projection: ddb.Projection{ProjectionType: kind},
		})
	}
	for _, attr := range slices.Sorted(maps.Keys(attrs)) {
		in.AttributeDefinitions = append(in.AttributeDefinitions, ddb.AttributeDefinition{AttributeName: attr, AttributeType: "S"})
	}
	if err := c.Call(ctx, "CreateTable", in, &struct{}{}); err != nil {
		return fmt.Errorf("create table %s: %w", name, err)
	}
	return nil
}

func keySchema(partition, sort string) []ddb.KeyElement {
	return []ddb.KeyElement{
		{AttributeName: partition, KeyType: "HASH"}, {AttributeName: sort, KeyType: "RANGE"},
	}
}

// Drop deletes a table that a test has created.
func Drop(ctx context.Context, c *ddb.Client, name string) error {
	if err := c.Call(ctx, "DeleteTable", ddb.DropInput{TableName: name}, &struct{}{}); err != nil {
		return fmt.Errorf("drop table %s: %w", name, err)
	}
	return nil
}
