
¦
Þ
"
telemetry.sdk.language
python
%
telemetry.sdk.name
opentelemetry
!
telemetry.sdk.version
1.45.2
=
service.instance.id&
$b5348bc7-92fa-437b-b31d-cf27da3a61eb

agent
coder

service.name
claude-codeÂ

com.anthropic.claude_code¢	 MôLÛë	*
claude_code.api_request2

event.name
api_request2
model
claude-haiku-4-52
cost_usd
0.0012
duration_ms
9002
input_tokens
52
output_tokens
72
cache_read_tokens
02
cache_creation_tokens
02

session.id
s-12
event.sequenceYµÑkRÝìë