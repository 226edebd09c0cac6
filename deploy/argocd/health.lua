-- How Argo CD reads the health of Switchboard's objects: SipEndpoint, PhoneNumberBinding, ProviderAccount, ClusterProviderAccount.
-- It has to be in the ConfigMap argocd-cm, as in argocd-cm.yaml beside this file; docs/gitops.md says how.
--
-- Healthy      Ready, and about the manifest as it is now
-- Progressing  not looked at yet, or it goes on by itself, or with what it waits for (an account, a Secret, the provider)
-- Degraded     somebody has to change something: the message says what
-- Suspended    somebody asked for it: switchboard.dev/paused on the object, or spec.suspend of its account
--
-- An object that is being deleted is Progressing for Argo CD before it asks here.
local health = {status = "Progressing", message = "the operator has not looked at it yet"}
local status = obj.status
if status == nil or status.conditions == nil then
  return health
end

-- What the status says of an older manifest says nothing about this one.
if status.observedGeneration ~= obj.metadata.generation then
  health.message = "the operator has not looked at this manifest yet"
  return health
end

local conditions = {}
for _, condition in ipairs(status.conditions) do
  conditions[condition.type] = condition
end
local ready = conditions.Ready
if ready == nil then
  return health
end

health.message = (ready.reason or "") .. ": " .. (ready.message or "")
if conditions.Stalled ~= nil and conditions.Stalled.status == "True" then
  health.status = "Degraded"
elseif ready.status == "True" then
  health.status = "Healthy"
elseif ready.reason == "Paused" or ready.reason == "Suspended" then
  health.status = "Suspended"
end
return health
