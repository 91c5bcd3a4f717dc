/** What an agent may be called. */
export const agentNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
