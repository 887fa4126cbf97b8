package ddb

// The part of DynamoDB's JSON that is used here, by its own names:
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html

// Value is an attribute's value: a text, a number or bytes. Others, which
// somebody else may have written, are read as none of them.
type Value struct {
	S *string `json:",omitempty"`
	N string  `json:",omitempty"`
	B []byte  `json:",omitzero"` // may be empty
}

// Attributes are an item, a key, or the values in an expression.
type Attributes map[string]Value

// Capacity is what a request cost.
type Capacity struct{ CapacityUnits float64 }

// QueryInput is the input of Query.
type QueryInput struct {
	TableName                 string
	IndexName                 string `json:",omitempty"`
	KeyConditionExpression    string
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues Attributes
	ConsistentRead            bool       `json:",omitempty"`
	ExclusiveStartKey         Attributes `json:",omitempty"`
	Limit                     int        `json:",omitempty"`
	ReturnConsumedCapacity    string     `json:",omitempty"`
}

// ScanInput is the input of Scan.
type ScanInput struct {
	TableName              string
	ConsistentRead         bool       `json:",omitempty"`
	ExclusiveStartKey      Attributes `json:",omitempty"`
	ReturnConsumedCapacity string     `json:",omitempty"`
}

// Page is the output of Query and Scan.
type Page struct {
	Items            []Attributes
	LastEvaluatedKey Attributes
	ConsumedCapacity Capacity
}

// PutInput is the input of PutItem.
type PutInput struct {
	TableName                 string
	Item                      Attributes
	ConditionExpression       string            `json:",omitempty"`
	ExpressionAttributeNames  map[string]string `json:",omitempty"`
	ExpressionAttributeValues Attributes        `json:",omitempty"`
	ReturnConsumedCapacity    string            `json:",omitempty"`
}

// UpdateInput is the input of UpdateItem.
type UpdateInput struct {
	Update
	ReturnConsumedCapacity string `json:",omitempty"`
}

// Update is also an action of a transaction.
type Update struct {
	TableName                 string
	Key                       Attributes
	UpdateExpression          string
	ConditionExpression       string
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues Attributes
}

// WriteOutput is the output of PutItem and UpdateItem.
type WriteOutput struct{ ConsumedCapacity Capacity }

// BatchWriteInput is the input of BatchWriteItem, by table.
type BatchWriteInput struct {
	RequestItems           map[string][]WriteRequest
	ReturnConsumedCapacity string `json:",omitempty"`
}

// WriteRequest is one of the writes of a batch, which is one of two.
type WriteRequest struct {
	PutRequest    *PutRequest    `json:",omitempty"`
	DeleteRequest *DeleteRequest `json:",omitempty"`
}

// PutRequest puts an item in a batch.
type PutRequest struct{ Item Attributes }

// DeleteRequest deletes an item in a batch.
type DeleteRequest struct{ Key Attributes }

// BatchWriteOutput is the output of BatchWriteItem.
type BatchWriteOutput struct {
	UnprocessedItems map[string][]WriteRequest
	ConsumedCapacity []Capacity
}

// BatchGetInput is the input of BatchGetItem, by table.
type BatchGetInput struct {
	RequestItems           map[string]KeysAndAttributes
	ReturnConsumedCapacity string `json:",omitempty"`
}

// KeysAndAttributes are what is to be got from a table.
type KeysAndAttributes struct {
	Keys                     []Attributes
	ConsistentRead           bool              `json:",omitempty"`
	ProjectionExpression     string            `json:",omitempty"`
	ExpressionAttributeNames map[string]string `json:",omitempty"`
}

// BatchGetOutput is the output of BatchGetItem.
type BatchGetOutput struct {
	Responses        map[string][]Attributes
	UnprocessedKeys  map[string]KeysAndAttributes
	ConsumedCapacity []Capacity
}

// TransactInput is the input of TransactWriteItems.
type TransactInput struct {
	TransactItems []Action
	// ClientRequestToken tells another try of a transaction from another one.
	ClientRequestToken     string
	ReturnConsumedCapacity string `json:",omitempty"`
}

// Action is one of the writes of a transaction, which is one of two.
type Action struct {
	Put    *PutAction `json:",omitempty"`
	Update *Update    `json:",omitempty"`
}

// PutAction puts an item in a transaction.
type PutAction struct {
	TableName string
	Item      Attributes
}

// TransactOutput is the output of TransactWriteItems.
type TransactOutput struct{ ConsumedCapacity []Capacity }

// CreateInput is the input of CreateTable.
type CreateInput struct {
	TableName              string
	BillingMode            string
	KeySchema              []KeyElement
	AttributeDefinitions   []AttributeDefinition
	GlobalSecondaryIndexes []GlobalIndex
}

// KeyElement is an attribute of a key, HASH or RANGE.
type KeyElement struct{ AttributeName, KeyType string }

// AttributeDefinition is the type of a key's attribute.
type AttributeDefinition struct{ AttributeName, AttributeType string }

// GlobalIndex is an index of a table.
type GlobalIndex struct {
	IndexName  string
	KeySchema  []KeyElement
	Projection Projection
}

// Projection is what an index holds.
type Projection struct{ ProjectionType string }

// DropInput is the input of DeleteTable.
type DropInput struct{ TableName string }
